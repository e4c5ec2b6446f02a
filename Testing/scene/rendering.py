"""Slicer's own views without Slicer's application: a MRML scene with its logics, drawn off screen by the displayable
managers that the desktop has too, and saved as PNG."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk

SLICE_MANAGERS = ("ModelSlice", "Markups", "Crosshair", "OrientationMarker")
THREE_D_MANAGERS = ("Camera", "View", "Model", "ThreeDReformat", "Markups")


MODULES = ("Volumes", "Markups", "SubjectHierarchyModule", "Sequences", "Tables", "Models", "Texts")


class Slicer:
    """A scene as the application sets one up, with its logic and its modules' logics.

    The application logic only knows these, it does not hold them.
    """

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.folder = tempfile.TemporaryDirectory(prefix="spinedart-scene-")
        self._cache()
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.application.GetColorLogic().SetMRMLScene(self.scene)
        self.application.GetColorLogic().AddDefaultColorNodes()
        self.application.SetSliceLogics(vtk.vtkCollection())
        self.application.SetViewLogics(vtk.vtkCollection())
        self.logics = [self._module(name) for name in MODULES if hasattr(slicer, f"vtkSlicer{name}Logic")]
        self.windows: list[Window] = []
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)

    def _cache(self) -> None:
        """Reading an MRB asks for a cache; it looks through all of its folder, which must be nobody else's."""
        cache, files = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        cache.SetRemoteCacheDirectory(self.folder.name)
        files.SetCacheManager(cache)
        self.scene.SetCacheManager(cache)
        self.scene.SetDataIOManager(files)

    def _module(self, name: str) -> Any:
        logic = getattr(slicer, f"vtkSlicer{name}Logic")()
        logic.SetMRMLScene(self.scene)
        logic.SetMRMLApplicationLogic(self.application)
        self.application.SetModuleLogic(name, logic)
        return logic

    def window(self, node: Any, size: tuple[int, int] = (900, 700)) -> Window:
        """An off-screen window of a view node; closed with the rest."""
        self.windows.append(Window(self.scene, self.application, node, size))
        return self.windows[-1]

    def close(self) -> None:
        """Give windows and files back."""
        for window in self.windows:
            window.close()
        self.scene.Clear(True)
        self.folder.cleanup()


class Window:
    """An off-screen window of a view node: a slice view or a 3D view."""

    def __init__(self, scene: Any, application: Any, node: Any, size: tuple[int, int] = (900, 700)) -> None:
        self.node = node
        self.window, self.renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(8 if node.IsA("vtkMRMLSliceNode") else 0)  # depth peeling wants none
        self.window.SetAlphaBitPlanes(True)
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        self.group.SetRenderer(self.renderer)
        if node.IsA("vtkMRMLSliceNode"):
            self._slice(scene, application, size)
        else:
            self._three_d(scene, application)

    def _managers(self, factory_type: Any, names: tuple[str, ...], application: Any) -> None:
        factory = factory_type.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        for name in names:
            full = f"vtkMRML{name}DisplayableManager"
            if not factory.IsDisplayableManagerRegistered(full):
                factory.RegisterDisplayableManager(full)
        self.group.Initialize(factory, self.renderer)
        self.group.SetMRMLDisplayableNode(self.node)

    def _slice(self, scene: Any, application: Any, size: tuple[int, int]) -> None:
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        self.logic.SetMRMLScene(scene)
        self.logic.SetSliceNode(self.node)
        composite = scene.GetSingletonNode(self.node.GetLayoutName(), "vtkMRMLSliceCompositeNode")
        if composite is not None:
            self.logic.SetSliceCompositeNode(composite)
        application.GetSliceLogics().AddItem(self.logic)
        self._managers(slicer.vtkMRMLSliceViewDisplayableManagerFactory, SLICE_MANAGERS, application)
        self.logic.ResizeSliceNode(*size)
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self.mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(actor)
        self.actor = actor

    def _three_d(self, scene: Any, application: Any) -> None:
        self.renderer.SetUseDepthPeeling(True)
        self.renderer.SetUseFXAA(True)
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(application)
        self.logic.SetMRMLScene(scene)
        application.GetViewLogics().AddItem(self.logic)
        self._managers(slicer.vtkMRMLThreeDViewDisplayableManagerFactory, THREE_D_MANAGERS, application)
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        self.node.SetBackgroundColor(0.07, 0.08, 0.10)
        self.node.SetBackgroundColor2(0.16, 0.18, 0.22)

    def look(self, from_mm: np.ndarray, at_mm: np.ndarray, angle_deg: float = 30.0) -> None:
        """Point a 3D view's camera."""
        camera = self.renderer.GetActiveCamera()
        camera.SetPosition(*from_mm)
        camera.SetFocalPoint(*at_mm)
        camera.SetViewUp(0.0, 0.0, 1.0)
        camera.SetViewAngle(angle_deg)
        self.renderer.UpdateLightsGeometryToFollowCamera()
        self.renderer.ResetCameraClippingRange()

    def save(self, path: Path | str) -> np.ndarray:
        """Draw, save as PNG, and give the picture (height, width, 3)."""
        if self.node.IsA("vtkMRMLSliceNode"):
            self.mapper.SetInputConnection(self.logic.GetImageDataConnection())
            self.actor.SetVisibility(self.logic.GetImageDataConnection() is not None)
        self.window.Render()
        grab, writer = vtk.vtkWindowToImageFilter(), vtk.vtkPNGWriter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        writer.SetFileName(str(path))
        writer.SetInputConnection(grab.GetOutputPort())
        writer.Write()
        image = grab.GetOutput()
        from vtk.util.numpy_support import vtk_to_numpy

        columns, rows, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]

    def close(self) -> None:
        """Give the graphics memory back."""
        self.group.SetMRMLDisplayableNode(None)
        self.window.Finalize()

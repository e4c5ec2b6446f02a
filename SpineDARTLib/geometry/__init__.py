"""Cameras and rigid motions.

``camera`` makes and checks the pinhole camera of a view (from a projection matrix or from C-arm angles) and crops it;
``triangulate`` brings pixels of several views back to RAS mm with a covariance; ``rigid`` steps on SE(3).
"""

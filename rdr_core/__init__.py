"""RDR: recurrent 3D-2D dual learning of facial landmarks and blendshapes (Xiao et al., ICCV 2017)."""

__version__ = "0.1.0"

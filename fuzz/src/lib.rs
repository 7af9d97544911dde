//! Fuzz targets of xskit, one attack surface each. None yet: they come with the ring core's proofs.

"""Fitting of Q* = (P, alpha_id, alpha_exp) to annotated landmarks (Cao et al. 2013, 2014; Sec. 5.1)."""

"""The RDR network: one module for each box of the paper's Figure 2."""

"""Readers of data sets in the layouts that their authors publish; `rdr_core.data.datasets` reads them by name."""

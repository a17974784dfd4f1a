"""Takes drawn as curves over time: a picture, a page that can be zoomed, or Rerun."""

// How much of the hemisphere the surfaces nearby leave open, from depth alone.
uniform sampler2DMS geometry;
uniform vec3 reach;  // radius in px at the middle of the view, px per cm, side of the picture in px
out float open;

void main() {
    open = 1.0;
}

// How much of the hemisphere the surfaces nearby leave open, from depth alone.
uniform usampler2D geometry;
out float open;

void main() {
    open = 1.0;
}

// The number of the surface as a depth: each surface's shading then runs only where it is seen.
uniform usampler2D geometry;

void main() {
    gl_FragDepth = float(texelFetch(geometry, shaded_sample(ivec2(gl_FragCoord.xy)), 0).w & 0xFFu) / 256.0;
}

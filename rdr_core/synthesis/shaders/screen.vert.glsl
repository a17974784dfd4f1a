// One triangle over the whole picture, at the far end of the depth range.
out vec2 across;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    across = corner;
    gl_Position = vec4(corner * 2.0 - 1.0, 1.0, 1.0);
}

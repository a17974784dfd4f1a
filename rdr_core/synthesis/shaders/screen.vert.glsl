// One triangle over the whole picture.
uniform float depth;  // 0..1
out vec2 across;

void main() {
    across = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    gl_Position = vec4(across * 2.0 - 1.0, depth * 2.0 - 1.0, 1.0);
}

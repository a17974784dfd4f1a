in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in float in_light;

out vec3 vertex_position;
out vec3 vertex_normal;
out vec2 vertex_uv;
out float vertex_light;

void main() {
    vertex_position = in_position;
    vertex_normal = in_normal;
    vertex_uv = in_uv;
    vertex_light = in_light;
    gl_Position = clip_from_view * vec4(in_position, 1.0);
}

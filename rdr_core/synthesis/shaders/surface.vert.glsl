in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in float in_light;

out vec3 position;
out vec3 normal;
out vec2 uv;
out float light;

void main() {
    position = in_position;
    normal = in_normal;
    uv = in_uv;
    light = in_light;
    gl_Position = clip_from_view * vec4(in_position, 1.0);
}

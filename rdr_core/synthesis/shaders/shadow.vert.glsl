in vec3 in_position;

void main() {
    gl_Position = vec4((lamp_from_view * vec4(in_position, 1.0)).xyz * 2.0 - 1.0, 1.0);
}

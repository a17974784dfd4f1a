in vec2 across;
uniform sampler2D picture;
layout(location = 0) out vec4 out_color;
layout(location = 1) out vec4 out_geometry;

void main() {
    out_color = vec4(texture(picture, across).rgb, 0.0);
    out_geometry = vec4(0.0);
}

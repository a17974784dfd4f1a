in vec2 across;
uniform sampler2D picture;
out vec4 out_color;

void main() { out_color = texture(picture, across); }

// What is seen at each sample. The shading follows, once per sample however many small triangles lie there.
in vec3 vertex_position;
in vec3 vertex_normal;
in vec2 vertex_uv;
in float vertex_light;

uniform vec2 surface;  // its number, from 1; side of its texture in texels

out uvec4 seen;

void main() {
    vec2 dx = dFdx(vertex_uv) * surface.y;
    vec2 dy = dFdy(vertex_uv) * surface.y;
    float level = 0.5 * log2(max(max(dot(dx, dx), dot(dy, dy)), 1.0));
    vec3 n = gl_FrontFacing ? vertex_normal : -vertex_normal;
#ifdef STRANDS
    n = normalize(n);
    float strands = pack_strands(n, dFdy(vertex_position) * dx.x - dFdx(vertex_position) * dy.x);  // along v
#else
    const float strands = 0.0;
#endif
    vec3 rest = clamp(vec3(vertex_light, level / 12.0, strands), 0.0, 1.0) * 255.0 + 0.5;
    uvec3 bytes = uvec3(rest);
    seen = uvec4(
        pack_normal(n), pack(vertex_uv), floatBitsToUint(vertex_position.z),
        uint(surface.x) | (bytes.x << 8) | (bytes.y << 16) | (bytes.z << 24));
}

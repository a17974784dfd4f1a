// One sample of an opaque surface, read from what the geometry pass left; `shade` is the material's.
uniform usampler2D geometry;
uniform sampler2D occlusion;
in vec2 across;

vec3 strands;

vec3 shade();

void main() {
    ivec2 at = shaded_sample(ivec2(gl_FragCoord.xy));
    uvec4 seen = texelFetch(geometry, at, 0);
    float z = uintBitsToFloat(seen.z);
    vec2 offset = ((vec2(at) + 0.5) / sight.w - sight.xy) * sight.z * (1.0 - z * turn.w);
    position = vec3(offset.x, -offset.y, z);
    normal = unpack_normal(seen.x);
    uv = unpack(seen.y);
    light = byte_of(seen.w, 1) / 255.0 * texture(occlusion, across).r;
    light *= 1.0 - 0.5 * max(-normal.y, 0.0);  // bodies stand between a head and the light from below
    level = byte_of(seen.w, 2) * (12.0 / 255.0);
#ifdef STRANDS
    strands = unpack_strands(normal, byte_of(seen.w, 3) / 255.0);
#endif
    out_color = vec4(film(shade()), 1.0);
}

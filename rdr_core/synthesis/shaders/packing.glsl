// How the geometry pass hands a surface to the shading: four words a sample.
//   normal 11, 11, 10 bits | uv 2 x 16 bits | z float | number, light, level of detail, strands 8 bits each
// Of the SAMPLES x SAMPLES samples of a pixel, those on its diagonal are shaded: one a row. The others take their colour.
ivec2 shaded_sample(ivec2 at) { return ivec2(at.x * SAMPLES + at.y % SAMPLES, at.y); }

vec2 signs(vec2 v) { return vec2(v.x < 0.0 ? -1.0 : 1.0, v.y < 0.0 ? -1.0 : 1.0); }

uint pack(vec2 v) {  // each in 0..1
    uvec2 u = uvec2(clamp(v, 0.0, 1.0) * 65535.0 + 0.5);
    return u.x | (u.y << 16);
}

vec2 unpack(uint word) { return vec2(word & 0xFFFFu, word >> 16) / 65535.0; }

float byte_of(uint word, int number) { return float((word >> (8 * number)) & 0xFFu); }

uint pack_normal(vec3 n) {  // no longer than 1
    uvec3 u = uvec3(n * vec3(1023.0, 1023.0, 511.0) + vec3(1024.5, 1024.5, 512.5));
    return u.x | (u.y << 11) | (u.z << 22);
}

vec3 unpack_normal(uint word) {
    vec3 n = vec3(word & 0x7FFu, (word >> 11) & 0x7FFu, word >> 22);
    return normalize((n - vec3(1024.0, 1024.0, 512.0)) / vec3(1023.0, 1023.0, 511.0));
}

void tangents(vec3 n, out vec3 first, out vec3 second) {  // Duff et al., Building an orthonormal basis, revisited
    float s = n.z < 0.0 ? -1.0 : 1.0;
    float a = -1.0 / (s + n.z);
    float b = n.x * n.y * a;
    first = vec3(1.0 + s * n.x * n.x * a, s * b, -s * n.x);
    second = vec3(b, s + n.y * n.y * a, -n.y);
}

float pack_strands(vec3 n, vec3 along) {  // a line in the surface has no sign; 0..1
    vec3 first, second;
    tangents(n, first, second);
    vec2 line = vec2(dot(along, first), dot(along, second));
    line *= line.y < 0.0 ? -1.0 : 1.0;
    return 0.5 + 0.5 * line.x / max(abs(line.x) + line.y, 1e-12);
}

vec3 unpack_strands(vec3 n, float code) {
    vec3 first, second;
    tangents(n, first, second);
    float x = code * 2.0 - 1.0;
    return normalize(first * x + second * (1.0 - abs(x)));
}

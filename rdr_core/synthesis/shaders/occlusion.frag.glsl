// How much of the hemisphere above each point the surfaces nearby leave open, from what the geometry pass saw.
in vec2 across;
uniform usampler2D geometry;
out float open;

const float REACH_CM = 5.0;
const int TAPS = 12;
const vec2 SPIRAL[TAPS] = vec2[](  // golden angle; the farther, the rarer
    vec2(0.042, 0.000), vec2(-0.092, 0.084), vec2(0.018, -0.203), vec2(0.176, 0.230), vec2(-0.369, -0.065),
    vec2(0.371, -0.236), vec2(-0.129, 0.521), vec2(-0.286, -0.556), vec2(0.673, 0.246), vec2(-0.720, 0.296),
    vec2(0.354, -0.795), vec2(0.291, 0.914));

vec3 seen_at(vec2 sample_px, out uvec4 seen) {
    seen = texelFetch(geometry, clamp(ivec2(sample_px), ivec2(0), textureSize(geometry, 0) - 1), 0);
    float z = uintBitsToFloat(seen.z);
    vec2 offset = (sample_px / sight.w - sight.xy) * sight.z * (1.0 - z * turn.w);
    return vec3(offset.x, -offset.y, z);
}

void main() {
    vec2 here = floor(across * vec2(textureSize(geometry, 0))) + 0.5;
    uvec4 seen, other;
    vec3 p = seen_at(here, seen);
    vec3 n = unpack_normal(seen.x);
    float radius = REACH_CM / (sight.z * (1.0 - p.z * turn.w)) * sight.w;
    float shut = 0.0;
    for (int i = 0; i < TAPS; ++i) {
        vec3 away = seen_at(here + SPIRAL[i] * radius, other) - p;
        float square = dot(away, away) + 1e-4;
        float rise = max(dot(n, away) * inversesqrt(square) - 0.12, 0.0);
        float near = max(1.0 - square / (REACH_CM * REACH_CM * 2.0), 0.0);
        float above = 1.0 + 0.5 * away.y * inversesqrt(square);  // most light comes from above
        shut += (other.w & 0xFFu) == 0u ? 0.0 : rise * near * above;
    }
    open = (seen.w & 0xFFu) == 0u ? 1.0 : clamp(1.0 - shut * (3.4 / float(TAPS)), 0.0, 1.0);
}

// Average the samples of a pixel; those that are not shaded take the colour of the nearby one that is most like them.
// The number is that of the middle sample, the depth the mean of the samples with that number.
uniform sampler2D colors;
uniform usampler2D geometry;
layout(location = 0) out vec4 out_color;  // sRGB, number of the surface / 255
layout(location = 1) out float out_depth;

uvec4 seen_at(ivec2 at) { return texelFetch(geometry, clamp(at, ivec2(0), textureSize(geometry, 0) - 1), 0); }

float unlike(uvec4 one, uvec4 other) {
    float apart = abs(uintBitsToFloat(one.z) - uintBitsToFloat(other.z));
    return ((one.w ^ other.w) & 0xFFu) == 0u ? apart : apart + 1e6;
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    uint number = seen_at(pixel * SAMPLES + SAMPLES / 2).w & 0xFFu;
    vec3 color = vec3(0.0);
    vec2 depth = vec2(0.0);
    for (int y = 0; y < SAMPLES; ++y) {
        for (int x = 0; x < SAMPLES; ++x) {
            uvec4 own = seen_at(pixel * SAMPLES + ivec2(x, y));
            depth += (own.w & 0xFFu) == number ? vec2(uintBitsToFloat(own.z), 1.0) : vec2(0.0);
            ivec2 from = ivec2(pixel.x, pixel.y * SAMPLES + y);
            float least = unlike(own, seen_at(shaded_sample(from)));
            for (int i = 0; i <= SAMPLES; ++i) {  // the shaded ones of this pixel, then its neighbour's in this row
                ivec2 candidate = pixel * ivec2(1, SAMPLES) + (i < SAMPLES ? ivec2(0, i) : ivec2(x > y ? 1 : -1, y));
                float difference = unlike(own, seen_at(shaded_sample(candidate)));
                from = difference < least ? candidate : from;
                least = min(difference, least);
            }
            color += texelFetch(colors, from, 0).rgb;
        }
    }
    out_color = vec4(color / float(SAMPLES * SAMPLES), float(number) / 255.0);
    out_depth = depth.x / depth.y;
}

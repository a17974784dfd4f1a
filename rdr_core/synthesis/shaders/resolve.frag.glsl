// Average the samples of a pixel; each takes the colour of the shaded one that is most like it. The number is that of
// the first sample, the depth the mean of the samples with that number.
uniform sampler2D colors;
uniform usampler2D geometry;
layout(location = 0) out vec4 out_color;  // sRGB, number of the surface / 255
layout(location = 1) out float out_depth;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    uint numbers[SAMPLES];
    float depths[SAMPLES];
    float shares[SAMPLES];
    for (int i = 0; i < SAMPLES; ++i) {
        uvec4 seen = texelFetch(geometry, shaded_sample(ivec2(pixel.x, pixel.y * SAMPLES + i)), 0);
        numbers[i] = seen.w & 0xFFu;
        depths[i] = uintBitsToFloat(seen.z);
        shares[i] = 0.0;
    }
    uint number = numbers[0];
    vec2 depth = vec2(0.0);
    for (int y = 0; y < SAMPLES; ++y) {
        for (int x = 0; x < SAMPLES; ++x) {
            uvec4 seen = texelFetch(geometry, pixel * SAMPLES + ivec2(x, y), 0);
            uint own = seen.w & 0xFFu;
            float z = uintBitsToFloat(seen.z);
            int like = 0;
            float least = 1e9;
            for (int i = 0; i < SAMPLES; ++i) {
                float difference = abs(z - depths[i]) + (own == numbers[i] ? 0.0 : 1e6);
                like = difference < least ? i : like;
                least = min(difference, least);
            }
            for (int i = 0; i < SAMPLES; ++i) shares[i] += i == like ? 1.0 : 0.0;
            depth += own == number ? vec2(z, 1.0) : vec2(0.0);
        }
    }
    vec3 color = vec3(0.0);
    for (int i = 0; i < SAMPLES; ++i) color += shares[i] * texelFetch(colors, ivec2(pixel.x, pixel.y * SAMPLES + i), 0).rgb;
    out_color = vec4(color / float(SAMPLES * SAMPLES), float(number) / 255.0);
    out_depth = depth.x / depth.y;
}

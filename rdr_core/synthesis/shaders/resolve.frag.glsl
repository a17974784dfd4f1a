// Average the samples; the number is that of the first sample, the depth the mean of the samples with that number.
uniform sampler2D colors;
uniform usampler2D geometry;
layout(location = 0) out vec4 out_color;  // sRGB, number of the surface / 255
layout(location = 1) out float out_depth;

void main() {
    ivec2 corner = ivec2(gl_FragCoord.xy) * SAMPLES;
    uint number = texelFetch(geometry, corner, 0).w & 0xFFu;
    vec3 color = vec3(0.0);
    vec2 depth = vec2(0.0);
    for (int y = 0; y < SAMPLES; ++y) {
        for (int x = 0; x < SAMPLES; ++x) {
            ivec2 at = corner + ivec2(x, y);
            uvec4 seen = texelFetch(geometry, at, 0);
            color += texelFetch(colors, at, 0).rgb;
            depth += (seen.w & 0xFFu) == number ? vec2(uintBitsToFloat(seen.z), 1.0) : vec2(0.0);
        }
    }
    out_color = vec4(color / float(SAMPLES * SAMPLES), float(number) / 255.0);
    out_depth = depth.x / depth.y;
}

// Average the samples; the number of the surface and its depth are those of one sample.
in vec2 across;
uniform sampler2DMS colors;
uniform sampler2DMS geometry;
uniform sampler2D occlusion;
layout(location = 0) out vec4 out_color;  // sRGB, number of the surface / 255
layout(location = 1) out float out_depth;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 sum = texelFetch(colors, pixel, 0);
    for (int i = 1; i < SAMPLES; ++i) sum += texelFetch(colors, pixel, i);
    sum /= float(SAMPLES);
    vec2 first = texelFetch(geometry, pixel, 0).rg;
    float dark = sum.a * (1.0 - texture(occlusion, across).r);
    out_color = vec4(sum.rgb * sqrt(1.0 - dark), first.r / 255.0);
    out_depth = first.g;
}

// What every material needs: the surface here, the light that reaches it, and the way out to the picture.
uniform sampler2D surface_texture;
uniform sampler2DShadow shadow_map;
uniform sampler3D reflections;
uniform vec4 tint;         // linear RGB, opacity
uniform float roughness;

vec3 position;
vec3 normal;
vec2 uv;
float level;   // of detail of the texture
float light;   // share of the ambient light

layout(location = 0) out vec4 out_color;  // sRGB, opacity

vec3 linear_from_srgb(vec3 c) {  // a cubic, within 0.003 of the standard
    return c * (c * (c * 0.305306011 + 0.682171111) + 0.012522878);
}

vec3 base_color() {
    return linear_from_srgb(textureLod(surface_texture, uv, level).rgb) * tint.rgb;
}

vec3 towards_viewer() {
    return normalize(vec3(-position.xy * turn.w, 1.0 - position.z * turn.w));
}

vec3 in_environment(vec3 d) {
    return vec3(turn.x * d.x - turn.y * d.z, d.y, turn.y * d.x + turn.x * d.z);
}

vec3 harmonics(vec4 sh[9], vec3 d) {  // d: unit, environment's own directions
    return max(
        sh[0].rgb + sh[1].rgb * d.y + sh[2].rgb * d.z + sh[3].rgb * d.x + sh[4].rgb * (d.x * d.y)
        + sh[5].rgb * (d.y * d.z) + sh[6].rgb * (d.z * d.z) + sh[7].rgb * (d.x * d.z)
        + sh[8].rgb * (d.x * d.x - d.y * d.y), 0.0);
}

vec3 ambient(vec3 n) { return harmonics(irradiance, in_environment(n)); }

vec3 mirrored(vec3 r, float roughness) {
    vec3 d = in_environment(r);
    d /= abs(d.x) + abs(d.y) + abs(d.z);
    vec2 fold = max(-d.y, 0.0) * vec2(d.x < 0.0 ? -1.0 : 1.0, d.z < 0.0 ? -1.0 : 1.0);
    vec2 square = (d.xz - fold) * REFLECTION_SCALE + 0.5;
    // layers at roughness 0.05, 0.3, 0.5, 0.8: nearly even steps
    float layer = 0.125 + 0.75 * clamp((roughness - 0.05) * 1.3333, 0.0, 1.0);
    float free = 1.0 - 0.6 * max(-r.y, 0.0);  // a body stands before what is below
    return textureLod(reflections, vec3(square, layer), 0.0).rgb * (turn.z * free);
}

float shadow(vec3 n) {  // share of the lamp's light that arrives; soft
    float slope = 1.0 - abs(dot(n, lamp_direction.xyz));
    vec3 at = (lamp_from_view * vec4(position + n * (0.12 + 0.35 * slope), 1.0)).xyz;
    float r = lamp_direction.w;
    return 0.25 * (texture(shadow_map, at + vec3(-0.5, -1.2, 0.0) * r) + texture(shadow_map, at + vec3(1.2, -0.5, 0.0) * r)
        + texture(shadow_map, at + vec3(0.5, 1.2, 0.0) * r) + texture(shadow_map, at + vec3(-1.2, 0.5, 0.0) * r));
}

float ggx(float n_h, float v_h, float roughness) {  // distribution and visibility (Kelemen) of the lamp's highlight, over n_l
    float a = roughness * roughness;
    float d = n_h * n_h * (a * a - 1.0) + 1.0;
    return a * a / (d * d * 4.0 * max(v_h * v_h, 0.05));  // the pi of the distribution is in lamp_color
}

float fresnel(float f0, float cosine) {
    float c = 1.0 - cosine;
    float c2 = c * c;
    return f0 + (1.0 - f0) * c2 * c2 * c;
}

float mirrored_share(float f0, float rough, float n_v) {  // after Karis, Physically based shading on mobile
    vec4 r = rough * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * n_v)) * r.x + r.y;
    return f0 * (r.z - 1.04 * a) + 1.04 * a + r.w;
}

float highlight_occlusion(float n_v) {  // what is shut out of the ambient light is not mirrored either
    return clamp(pow(n_v + light, 2.0) - 1.0 + light, 0.0, 1.0);
}

vec3 film(vec3 radiance) {  // filmic response (after Narkowicz), then sRGB
    vec3 x = mix(vec3(dot(radiance, vec3(0.3, 0.6, 0.1))), radiance, 0.87) * 0.62;  // the curve itself saturates
    return pow(clamp(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0), vec3(0.4545));
}

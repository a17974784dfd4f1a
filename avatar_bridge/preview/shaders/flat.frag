#version 330 core
// Texture times light, and one highlight of the key light: strong on smooth surfaces, weak on dark rough ones (hair).

struct Material {
    vec4 base_color_factor;
    float roughness_factor;
#ifdef HAS_BASE_COLOR_TEX
    sampler2D base_color_texture;
#endif
};

uniform Material material;

in vec3 world_normal;
in vec2 uv;
in vec3 light;

out vec4 frag_color;

const vec3 HALFWAY = normalize(normalize(vec3(-0.55, 0.55, 0.9)) + vec3(0.0, 0.0, 1.0));

void main()
{
    vec3 base = material.base_color_factor.rgb;
#ifdef HAS_BASE_COLOR_TEX
    vec3 texel = texture(material.base_color_texture, uv).rgb;
    base *= texel * texel;  // near enough to sRGB -> linear, and cheap; undone below
#endif
    float smooth_part = 1.0 - material.roughness_factor;
    float shine = max(dot(normalize(world_normal), HALFWAY), 0.0);
    float wet = smooth_part * smooth_part;
    float highlight = mix(dot(base, vec3(0.33)), 1.0, wet) * wet * exp2((shine - 1.0) * mix(12.0, 700.0, wet));
    highlight *= min(light.g, 1.0);  // none in the nose
    frag_color = vec4(sqrt(clamp(base * light + highlight, 0.0, 1.0)), 1.0);
}

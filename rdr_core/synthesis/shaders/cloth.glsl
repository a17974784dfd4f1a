// Woven fibres: diffuse, with a soft sheen where they are seen from the side.
vec3 shade() {
    vec3 albedo = base_color();
    vec3 v = towards_viewer();
    float n_l = dot(normal, lamp_direction.xyz);
    float aside = 1.0 - clamp(dot(normal, v), 0.0, 1.0);
    float sheen = 1.0 + 0.5 * aside * aside * aside;
    vec3 lamp = lamp_color.rgb * (max(n_l + 0.1, 0.0) / 1.21 * shadow(normal));
    return albedo * sheen * (ambient(normal) * light + lamp);
}

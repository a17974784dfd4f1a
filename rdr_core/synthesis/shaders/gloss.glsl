// Teeth, the wet inside of the mouth, plastic, metal: a diffuse body under a clear surface.
vec3 shade() {
    vec3 albedo = base_color();
    vec3 l = lamp_direction.xyz;
    vec3 v = towards_viewer();
    vec3 h = normalize(l + v);
    float n_l = max(dot(normal, l), 0.0);
    float n_v = clamp(dot(normal, v), 0.0, 1.0);
    float v_h = clamp(dot(v, h), 0.0, 1.0);
    float rough = clamp(roughness, 0.1, 1.0);
    float gloss = fresnel(0.045, v_h) * ggx(clamp(dot(normal, h), 0.0, 1.0), v_h, rough);
    vec3 sky = mirrored(reflect(-v, normal), rough) * (mirrored_share(0.045, rough, n_v) * light * light);
    return albedo * ambient(normal) * light + sky + (albedo + gloss) * (n_l * shadow(normal) * light) * lamp_color.rgb;
}

// The eyeball under its wet cornea, which mirrors the lamp and the surroundings; lid and lashes shade it from above.
vec3 shade() {
    vec3 albedo = base_color();
    vec3 l = lamp_direction.xyz;
    vec3 v = towards_viewer();
    vec3 h = normalize(l + v);
    float n_v = clamp(dot(normal, v), 0.0, 1.0);
    float n_h = clamp(dot(normal, h), 0.0, 1.0);
    float v_h = clamp(dot(v, h), 0.0, 1.0);
    float under_lid = light * (0.85 - 0.4 * smoothstep(0.0, 0.55, normal.y));
    float s = shadow(normal);
    vec3 wrap = vec3(0.3, 0.22, 0.2);
    vec3 diffuse = max(dot(normal, l) + wrap, 0.0) / ((1.0 + wrap) * (1.0 + wrap)) * mix(s, 1.0, 0.15);
    float gloss = min(fresnel(0.03, v_h) * ggx(n_h, v_h, 0.16), 6.0) * s;
    vec3 sky = min(mirrored(reflect(-v, normal), 0.05), 8.0) * (mirrored_share(0.025, 0.05, n_v) * light);
    return albedo * (ambient(normal) + diffuse * lamp_color.rgb) * under_lid + sky + gloss * lamp_color.rgb;
}

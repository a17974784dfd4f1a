vec3 shade() {
    vec3 n = normal;
    vec3 albedo = base_color();
    vec3 l = lamp_direction.xyz;
    vec3 v = towards_viewer();
    float s = shadow(n);
    float n_l = dot(n, l);
    vec3 wrap = vec3(0.35, 0.15, 0.08);
    vec3 diffuse = max(n_l + wrap, 0.0) / ((1.0 + wrap) * (1.0 + wrap)) * s;
    vec3 h = normalize(l + v);
    float n_v = clamp(dot(n, v), 0.0, 1.0);
    float n_h = clamp(dot(n, h), 0.0, 1.0);
    float v_h = clamp(dot(v, h), 0.0, 1.0);
    float gloss = fresnel(0.028, v_h) * (0.7 * ggx(n_h, v_h, 0.6) + 0.3 * ggx(n_h, v_h, 0.35)) * max(n_l, 0.0) * s;
    vec3 around = albedo * harmonics(irradiance_skin, in_environment(n)) + mirrored(reflect(-v, n), 0.5) * fresnel(0.028, n_v) * 0.5;
    return around * light + (albedo * diffuse + gloss) * lamp_color.rgb;
}

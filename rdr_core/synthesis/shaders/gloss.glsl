vec3 shade() {
    vec3 albedo = base_color();
    float n_l = max(dot(normal, lamp_direction.xyz), 0.0);
    return albedo * (ambient(normal) * light + n_l * shadow(normal) * lamp_color.rgb);
}

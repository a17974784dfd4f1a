void main() {
    vec3 n = facing_normal();
    vec3 albedo = base_color();
    vec3 v = towards_viewer();
    float n_l = max(dot(n, lamp_direction.xyz), 0.0);
    expose(albedo * ambient(n) * light, albedo * n_l * shadow(n) * lamp_color.rgb);
}

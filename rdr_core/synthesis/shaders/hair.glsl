// Strands along v: two highlights stretched across them (after Kajiya and Kay, Marschner et al.), both sides lit.
float band(vec3 strand, vec3 h, float sharpness) {
    float along = dot(strand, h);
    return pow(max(1.0 - along * along, 0.0), 0.5 * sharpness);
}

vec3 shade() {
    vec3 albedo = base_color();
    vec3 l = lamp_direction.xyz;
    vec3 v = towards_viewer();
    vec3 h = normalize(l + v);
    float uneven = dot(albedo, vec3(0.33)) * 2.0 - 0.1;
    vec3 first = normalize(strands + normal * (0.06 + uneven));
    vec3 second = normalize(strands + normal * (uneven - 0.14));
    float s = shadow(normal);
    float n_l = dot(normal, l);
    float facing = clamp(0.35 + 0.65 * n_l, 0.0, 1.0);
    vec3 gloss = facing * (0.06 * band(first, h, 90.0) + 0.6 * albedo * band(second, h, 22.0));
    vec3 diffuse = albedo * clamp((n_l + 0.25) / 1.56, 0.0, 1.0);

    float open = light * light;  // light has to get in between the strands
    vec3 across = normalize(v - strands * dot(v, strands));
    vec3 bent = normalize(mix(normal, across, 0.5));
    vec3 sky = mirrored(reflect(-v, bent), 0.5);
    sky = mix(sky, vec3(dot(sky, vec3(0.3, 0.6, 0.1))), 0.5) * (0.02 + 0.25 * albedo);  // strands mix what is around
    return albedo * ambient(normal) * light + sky * open + (diffuse + gloss) * s * lamp_color.rgb;
}

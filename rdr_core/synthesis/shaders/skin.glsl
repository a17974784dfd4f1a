// Skin, and what is painted on its atlas: hair and cloth, which are less saturated.
vec3 roughened(vec3 n, float height) {  // after Mikkelsen, Bump mapping unparametrized surfaces on the GPU; height in cm
    vec3 px = dFdx(position);
    vec3 py = dFdy(position);
    vec3 first = cross(py, n);
    vec3 second = cross(n, px);
    float area = dot(px, first);
    vec3 slope = sign(area) * (dFdx(height) * first + dFdy(height) * second);
    return normalize(abs(area) * n - clamp(slope, -0.5 * abs(area), 0.5 * abs(area)));
}

vec3 shade() {
    vec3 albedo = base_color();
    vec3 soft = linear_from_srgb(textureLod(surface_texture, uv, level + 2.5).rgb) * tint.rgb;
    float is_skin = smoothstep(0.2, 0.42, 1.0 - soft.b / max(soft.r, 0.004));
    float detail = dot(albedo - soft, vec3(0.3, 0.6, 0.1)) / (dot(soft, vec3(0.3, 0.6, 0.1)) + 0.05);
    vec3 n = normal;
    vec3 fine = roughened(n, detail * 0.03);
    vec3 l = lamp_direction.xyz;
    vec3 v = towards_viewer();

    // Scattered light comes out beside where it went in: red the farthest, so it sees the smoothest surface, the
    // farthest round the terminator and into the edge of a shadow.
    float s = shadow(n);
    vec3 shadows = mix(vec3(s), vec3(sqrt(s)), is_skin * vec3(0.5, 0.15, 0.1));
    vec3 wrap = is_skin * vec3(0.27, 0.13, 0.08);
    float smooth_n_l = dot(n, l);
    float fine_n_l = dot(fine, l);
    vec3 n_l = vec3(mix(fine_n_l, smooth_n_l, 0.7 * is_skin), mix(fine_n_l, smooth_n_l, 0.25 * is_skin), fine_n_l);
    vec3 diffuse = max(n_l + wrap, 0.0) / ((1.0 + wrap) * (1.0 + wrap)) * shadows;

    float n_v = clamp(dot(fine, v), 0.0, 1.0);
    vec3 h = normalize(l + v);
    float n_h = clamp(dot(fine, h), 0.0, 1.0);
    float v_h = clamp(dot(v, h), 0.0, 1.0);
    float oily = clamp(0.75 + 2.0 * detail, 0.2, 1.4) * mix(0.35, 1.0, is_skin);
    float rough = clamp(roughness, 0.25, 0.8);
    float lobes = 0.8 * ggx(n_h, v_h, rough + 0.06) + 0.2 * ggx(n_h, v_h, rough * 0.64);
    float gloss = fresnel(0.028, v_h) * lobes * max(fine_n_l, 0.0) * s * oily;

    vec3 open = mix(vec3(light), vec3(sqrt(light), light, light), 0.5 * is_skin);  // what is shut out comes through, red
    vec3 around = albedo * harmonics(irradiance_skin, in_environment(n)) * open;
    around += mirrored(reflect(-v, fine), rough) * (mirrored_share(0.028, rough, n_v) * oily * highlight_occlusion(n_v));
    return around + (albedo * diffuse + gloss) * lamp_color.rgb;
}

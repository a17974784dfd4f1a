// Clear or tinted glass over what is already drawn: out_color.a is how much of that it covers.
void main() {
    vec3 n = facing_normal();
    vec3 v = towards_viewer();
    float mirror = fresnel(0.04, clamp(dot(n, v), 0.0, 1.0));
    float cover = clamp(tint.a + mirror, 0.02, 1.0);
    vec3 seen = tint.rgb * tint.a * ambient(n) + mirrored(reflect(-v, n), 0.05) * mirror;
    out_color = vec4(film(seen / cover), cover);
    out_geometry = vec4(finish.y, position.z, 0.0, tint.a < 0.5 ? 0.0 : 1.0);  // clear glass owns nothing
}

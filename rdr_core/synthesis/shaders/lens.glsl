// Clear or tinted glass over what is already drawn.
uniform usampler2D geometry;
in vec3 vertex_position;
in vec3 vertex_normal;

void main() {
    uvec4 behind = texelFetch(geometry, shaded_sample(ivec2(gl_FragCoord.xy)), 0);
    if ((behind.w & 0xFFu) != 0u && uintBitsToFloat(behind.z) > vertex_position.z) discard;
    position = vertex_position;
    normal = normalize(gl_FrontFacing ? vertex_normal : -vertex_normal);
    vec3 v = towards_viewer();
    float mirror = fresnel(0.04, clamp(dot(normal, v), 0.0, 1.0));
    float cover = clamp(tint.a + mirror, 0.02, 1.0);
    vec3 seen = tint.rgb * tint.a * ambient(normal) + mirrored(reflect(-v, normal), 0.05) * mirror;
    out_color = vec4(film(seen / cover), cover);
}

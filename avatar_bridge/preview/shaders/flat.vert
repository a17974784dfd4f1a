#version 330 core
// Light per vertex: the mesh is dense, and a software renderer pays for every fragment.

layout(location = 0) in vec3 position;
#ifdef NORMAL_LOC
layout(location = NORMAL_LOC) in vec3 normal;
#endif
#ifdef TEXCOORD_0_LOC
layout(location = TEXCOORD_0_LOC) in vec2 texcoord_0;
#endif
#ifdef COLOR_0_LOC
layout(location = COLOR_0_LOC) in vec4 color_0;
#endif

uniform mat4 M;
uniform mat4 V;
uniform mat4 P;

out vec3 world_normal;
out vec2 uv;
out vec3 light;

const vec3 KEY = normalize(vec3(-0.55, 0.55, 0.9));
const vec3 FILL = normalize(vec3(0.9, 0.05, 0.55));
const vec3 RIM = normalize(vec3(0.5, 0.7, -0.75));
const vec3 KICK = normalize(vec3(-0.8, 0.1, -0.6));
const vec3 WRAP = vec3(0.42, 0.26, 0.2);  // light bleeds past the terminator, red farthest: skin

vec3 wrapped(float cosine) { return max((vec3(cosine) + WRAP) / (1.0 + WRAP), 0.0); }

void main()
{
    mat3 rotation = mat3(M);
    // The head turns, the shoulders stay: in between the neck follows (model cm, neck below and behind the jaw).
    float follows = smoothstep(-16.0, -7.0, position.y + 0.6 * position.z);
    vec3 world = M[3].xyz + mix(position, rotation * position, follows);
    vec3 n = normalize(mix(normal, rotation * normal, follows));
    gl_Position = P * V * vec4(world, 1.0);
    world_normal = n;

    light = mix(vec3(0.16, 0.14, 0.13), vec3(0.34, 0.36, 0.4), 0.5 + 0.5 * n.y);
    light += vec3(0.8, 0.76, 0.7) * wrapped(dot(n, KEY));
    light += vec3(0.2, 0.22, 0.26) * wrapped(dot(n, FILL));
    float away = 1.0 - clamp(n.z, 0.0, 1.0);
    light += (vec3(0.5, 0.53, 0.6) * max(dot(n, RIM), 0.0) + vec3(0.3, 0.3, 0.32) * max(dot(n, KICK), 0.0)) * away * away;
#ifdef COLOR_0_LOC
    light *= color_0.rgb;
#endif
#ifdef TEXCOORD_0_LOC
    uv = texcoord_0;
#else
    uv = vec2(0.0);
#endif
}

// What is the same for every surface of a picture. View frame: cm, x right, y up, z to the viewer.
layout(std140) uniform Frame {
    mat4 clip_from_view;      // the picture's top row is the framebuffer's first
    mat4 lamp_from_view;      // x, y, z in 0..1 of the shadow map
    vec4 irradiance[9];       // over pi, environment's own directions, times exposure
    vec4 irradiance_skin[9];  // the same after scattering in skin
    vec4 lamp_direction;      // towards the lamp; softness of its shadow in the shadow map
    vec4 lamp_color;          // irradiance over pi
    vec4 turn;                // cos and sin of the environment's yaw, exposure, 1 / distance in cm (0: orthographic)
    vec4 sight;               // picture position of the view frame's origin in px, cm per px there, samples per px
};

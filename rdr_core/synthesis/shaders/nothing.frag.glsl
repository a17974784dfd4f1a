out uvec4 seen;

void main() { seen = uvec4(0u); }

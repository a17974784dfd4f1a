// Draws the avatars that a stream drives, one beside the other, on nothing: for OBS and other browsers.
// Address options: mirror=0, background=COLOUR, lock=1 (hold the head still), face=ID, scale=NUMBER, stats=1, token=...
import * as THREE from "three";
import { GLTFLoader } from "/three/addons/loaders/GLTFLoader.js";

const VIEW_M = 0.3, CENTER_M = 0.01, APART_M = 0.26; // as rdr preview: head and neck
const GONE_MS = 2000, AGAIN_MS = 1000, FRAMES_KEPT = 90;
const options = new URLSearchParams(location.search);
const is = (name, usual) => (options.get(name) ?? usual) !== "0";
const mirror = is("mirror", "1"), locked = is("lock", "0"), showStats = is("stats", "0");
const scale = Math.min(Math.max(Number(options.get("scale") ?? 1) || 1, 0.1), 10);
const only = options.has("face") ? Number(options.get("face")) : null;
const token = options.get("token");
const withToken = (path) => (token === null ? path : `${path}?token=${encodeURIComponent(token)}`);

const said = document.getElementById("said");
const renderer = new THREE.WebGLRenderer({ alpha: true, antialias: true, preserveDrawingBuffer: true });
renderer.setClearColor(0x000000, 0);
renderer.toneMapping = THREE.NoToneMapping;
renderer.domElement.style.transform = mirror ? "scaleX(-1)" : "";
document.body.append(renderer.domElement);
if (options.has("background")) document.body.style.background = options.get("background");

const scene = new THREE.Scene();
const camera = new THREE.OrthographicCamera();
camera.position.set(0, CENTER_M, 2);
scene.add(new THREE.HemisphereLight(0xffffff, 0x8d8078, 1.7));
for (const [x, y, z, strength] of [[-0.5, 0.7, 1, 1.6], [0.9, 0.2, 0.6, 0.6], [0, 0.6, -1, 0.5]]) {
  const light = new THREE.DirectionalLight(0xffffff, strength);
  light.position.set(x, y, z);
  scene.add(light);
}

let model = null;
const avatars = new Map(); // place -> {root, newest, came}
const drawn = []; // times of frames that brought something new, ms

function avatarAt(place) {
  if (!avatars.has(place)) {
    const root = model.clone(true);
    scene.add(root);
    avatars.set(place, { root, newest: null, came: 0 });
    lay();
  }
  return avatars.get(place);
}

function lay() { // side by side, the first face in the middle of what there is
  const places = [...avatars.keys()].sort((a, b) => a - b);
  places.forEach((place, n) => { avatars.get(place).root.position.x = (n - (places.length - 1) / 2) * APART_M; });
  fit();
}

function fit() {
  const width = window.innerWidth, height = Math.max(window.innerHeight, 1);
  renderer.setPixelRatio(window.devicePixelRatio);
  renderer.setSize(width, height, false);
  const wide = VIEW_M + APART_M * Math.max(avatars.size - 1, 0);
  const half = Math.max(VIEW_M, (wide * height) / Math.max(width, 1)) / 2 / scale;
  camera.top = half; camera.bottom = -half;
  camera.right = (half * width) / height; camera.left = -camera.right;
  camera.updateProjectionMatrix();
}

function perform(avatar) {
  const frame = avatar.newest;
  avatar.root.traverse((node) => {
    if (node.morphTargetDictionary) apply(node, frame.weights);
    if (node.name in frame.eyes) node.quaternion.fromArray(frame.eyes[node.name]);
    if (node.name === "Head") node.quaternion.fromArray(locked ? [0, 0, 0, 1] : frame.head);
  });
}

function apply(mesh, weights) {
  for (const [name, index] of Object.entries(mesh.morphTargetDictionary)) {
    const k = names.indexOf(name);
    if (k >= 0) mesh.morphTargetInfluences[index] = weights[k];
  }
}

let changed = true;
function draw(now) {
  requestAnimationFrame(draw);
  for (const [place, avatar] of avatars) {
    if (now - avatar.came > GONE_MS && avatars.size > 1) { // the last one stays and holds its face
      scene.remove(avatar.root);
      avatars.delete(place);
      lay();
      changed = true;
    }
  }
  if (!changed) return;
  changed = false;
  renderer.render(scene, camera);
  drawn.push(now);
  if (drawn.length > FRAMES_KEPT) drawn.shift();
  if (showStats) tellStats();
}

function tellStats() {
  const ages = [...avatars.values()].filter((a) => a.newest).map((a) => Date.now() - a.newest.capture_ms);
  const rate = drawn.length > 1 ? (1000 * (drawn.length - 1)) / (drawn[drawn.length - 1] - drawn[0]) : 0;
  said.textContent = `${rate.toFixed(0)} fps, ${Math.round(Math.min(...ages))} ms`;
}

let names = [];
function listen() {
  const socket = new WebSocket(withToken(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`));
  socket.onopen = () => { said.textContent = ""; };
  socket.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    if (frame.names) { names = frame.names; return; }
    if (only !== null && frame.face !== only) return;
    const avatar = avatarAt(only === null ? frame.place : 0);
    avatar.came = performance.now();
    if (frame.tracked) { avatar.newest = frame; perform(avatar); changed = true; }
  };
  socket.onclose = () => {
    said.textContent = "waiting for rdr web";
    setTimeout(listen, AGAIN_MS);
  };
}

window.addEventListener("resize", () => { fit(); changed = true; });
window.rdr = { avatars, camera, renderer }; // for the curious, and for tests
said.textContent = "loading the avatar";
new GLTFLoader().load(withToken("/avatar.glb"), (gltf) => {
  model = gltf.scene;
  model.traverse((node) => { node.frustumCulled = false; }); // bounds do not know of the morphs
  said.textContent = "";
  avatarAt(0);
  listen();
  requestAnimationFrame(draw);
}, undefined, (error) => { said.textContent = `no avatar: ${error.message ?? error}`; });

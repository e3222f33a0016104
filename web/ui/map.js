// Units and open emergencies on a plain map: equirectangular around the middle, which is true enough
// for a city. No tiles: nothing is fetched from anywhere.

const MARGIN = 36;
// Below is the legend.
const FOOT = 30;
const UNIT_PX = 4;
const CASE_PX = 9;
const SMALLEST_DEG = 0.01;
const ABOARD = new Set(["transporting", "at_hospital"]);

export class CityMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.ink = canvas.getContext("2d");
    this.box = null;
  }

  draw(board, now) {
    const colours = this.resize();
    const units = [...board.units.values()].filter((unit) => unit.position && unit.status !== "off_duty");
    const cases = board.open;
    this.fit([...units.map((unit) => unit.position), ...cases.map((one) => one.location)]);
    this.ink.fillStyle = colours("--map");
    this.ink.fillRect(0, 0, this.width, this.height);
    if (!this.box) return;
    this.grid(colours("--line"));
    const marks = cases.map((one) => this.mark(one, board.units.get(one.unit)));
    for (const mark of marks) this.link(mark, colours("--on_task"));
    const taken = new Map();
    for (const unit of units) {
      this.unit(this.beside(this.at(unit.position), taken), colours(`--${unit.status}`), colours("--card"));
    }
    for (const mark of marks) this.emergency(mark, colours(`--p${mark.one.priority}`), now);
  }

  // Where an emergency is: at its scene, and with its unit once the patient is aboard.
  mark(one, unit) {
    const aboard = ABOARD.has(one.status) && unit?.position;
    const way = !aboard && unit?.position ? this.at(unit.position) : null;
    return { one, place: this.at(aboard ? unit.position : one.location), way };
  }

  // Units at one place, as in a station, stand beside each other.
  beside([x, y], taken) {
    const key = `${Math.round(x)} ${Math.round(y)}`;
    const before = taken.get(key) ?? 0;
    taken.set(key, before + 1);
    const angle = before * 2.4;
    const away = before ? UNIT_PX * 2 * Math.sqrt(before) : 0;
    return [x + away * Math.cos(angle), y + away * Math.sin(angle)];
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== clientWidth * ratio || this.canvas.height !== clientHeight * ratio) {
      this.canvas.width = clientWidth * ratio;
      this.canvas.height = clientHeight * ratio;
    }
    this.ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    [this.width, this.height] = [clientWidth, clientHeight];
    const style = getComputedStyle(this.canvas);
    return (name) => style.getPropertyValue(name).trim() || "#888";
  }

  // The box only grows, so that the picture does not jump about.
  fit(points) {
    for (const { lat, lon } of points) {
      const box = (this.box ??= { south: lat, north: lat, west: lon, east: lon });
      box.south = Math.min(box.south, lat);
      box.north = Math.max(box.north, lat);
      box.west = Math.min(box.west, lon);
      box.east = Math.max(box.east, lon);
    }
    if (!this.box) return;
    const { south, north, west, east } = this.box;
    this.middle = { lat: (south + north) / 2, lon: (west + east) / 2 };
    this.squeeze = Math.cos((this.middle.lat * Math.PI) / 180);
    this.scale = Math.min(
      (this.width - 2 * MARGIN) / (Math.max(east - west, SMALLEST_DEG) * this.squeeze),
      (this.height - 2 * MARGIN - FOOT) / Math.max(north - south, SMALLEST_DEG));
  }

  at({ lat, lon }) {
    return [
      this.width / 2 + (lon - this.middle.lon) * this.squeeze * this.scale,
      (this.height - FOOT) / 2 - (lat - this.middle.lat) * this.scale,
    ];
  }

  // A line every minute of arc, about 1.85 km from north to south.
  grid(colour) {
    const step = 1 / 60;
    const across = this.width / this.scale / this.squeeze / 2;
    const down = this.height / this.scale / 2;
    this.ink.strokeStyle = colour;
    this.ink.lineWidth = 1;
    this.ink.beginPath();
    for (let lon = Math.ceil((this.middle.lon - across) / step) * step; lon < this.middle.lon + across; lon += step) {
      const [x] = this.at({ lat: this.middle.lat, lon });
      this.ink.moveTo(x, 0);
      this.ink.lineTo(x, this.height);
    }
    for (let lat = Math.ceil((this.middle.lat - down) / step) * step; lat < this.middle.lat + down; lat += step) {
      const [, y] = this.at({ lat, lon: this.middle.lon });
      this.ink.moveTo(0, y);
      this.ink.lineTo(this.width, y);
    }
    this.ink.stroke();
  }

  link({ one, place, way }, colour) {
    if (!way) return;
    this.ink.strokeStyle = colour;
    this.ink.globalAlpha = 0.45;
    this.ink.setLineDash(one.phase === "engaged" ? [] : [3, 4]);
    this.ink.beginPath();
    this.ink.moveTo(...place);
    this.ink.lineTo(...way);
    this.ink.stroke();
    this.ink.setLineDash([]);
    this.ink.globalAlpha = 1;
  }

  unit([x, y], colour, edge) {
    this.ink.fillStyle = colour;
    this.ink.strokeStyle = edge;
    this.ink.lineWidth = 1.5;
    this.ink.beginPath();
    this.ink.arc(x, y, UNIT_PX, 0, 2 * Math.PI);
    this.ink.fill();
    this.ink.stroke();
  }

  emergency({ one, place: [x, y] }, colour, now) {
    this.ink.strokeStyle = colour;
    this.ink.lineWidth = 2;
    this.ink.beginPath();
    this.ink.arc(x, y, CASE_PX, 0, 2 * Math.PI);
    this.ink.stroke();
    if (one.phase === "engaged") return;
    const phase = (now % 1500) / 1500;
    this.ink.globalAlpha = 1 - phase;
    this.ink.beginPath();
    this.ink.arc(x, y, CASE_PX * (1 + phase), 0, 2 * Math.PI);
    this.ink.stroke();
    this.ink.globalAlpha = 1;
  }
}

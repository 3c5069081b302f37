/*
 * Where the picture of a cluster has its parts. Pure: from services and a width come rectangles and lines, in pixels.
 */
import type { ServiceStatus } from '../checks/cluster-status.ts';
import { flowLayers } from './cluster-view.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedService extends Box {
  readonly service: ServiceStatus;
}

export interface PlacedGroup extends Box {
  readonly name: string;
}

export interface PlacedTwins {
  readonly one: ServiceStatus;
  readonly other: ServiceStatus;
  readonly x: number;
  readonly y1: number;
  readonly y2: number;
}

export interface PlacedFlow {
  /** A service's name, or `` for clients. */
  readonly from: string;
  readonly to: string;
  /** Of an SVG path. */
  readonly path: string;
}

export interface TopologyLayout {
  readonly isWide: boolean;
  readonly width: number;
  readonly height: number;
  /** Where clients come from; null without proxies. */
  readonly clients: Box | null;
  readonly services: readonly PlacedService[];
  readonly groups: readonly PlacedGroup[];
  readonly twins: readonly PlacedTwins[];
  readonly flows: readonly PlacedFlow[];
}

/** From this width on requests flow from left to right, below it from top to bottom. */
export const WIDE_FROM = 640;

const BOX_HEIGHT = 52;
const BOX_WIDTH_MIN = 112;
const BOX_WIDTH_MAX = 190;
const TWIN_GAP = 30;
const GROUP_PADDING = 10;
const GROUP_TITLE = 20;
const GAP = 18;
const COLUMN_GAP_MIN = 48;
const ROW_GAP = 44;
const CLIENTS_HEIGHT = 34;
const CLIENTS_WIDTH = 92;

/** What is drawn as one: a proxy or a lone node, or the nodes of a group in their frame. */
interface Block {
  readonly members: readonly ServiceStatus[];
  readonly group: string | null;
  readonly height: number;
}

/** @param width that there is */
export function topologyLayout(services: readonly ServiceStatus[], width: number): TopologyLayout {
  const layers = flowLayers(services).map(blocksOf);
  const hasProxies = services.some(({ role }) => role === 'proxy');
  return width >= WIDE_FROM ? wideLayout(layers, width, hasProxies) : narrowLayout(layers, width, hasProxies);
}

function blocksOf(layer: readonly ServiceStatus[]): readonly Block[] {
  const blocks: Map<string, ServiceStatus[]> = new Map();
  for (const service of layer) {
    const id = service.role === 'node' ? `node ${service.group}` : `proxy ${service.name}`;
    blocks.set(id, [...(blocks.get(id) ?? []), service]);
  }
  return [...blocks.values()].map((members): Block => {
    const inner = members.length * BOX_HEIGHT + (members.length - 1) * TWIN_GAP;
    const group = members.length > 1 ? (members[0]?.group ?? null) : null;
    return { members, group, height: group === null ? inner : inner + 2 * GROUP_PADDING + GROUP_TITLE };
  });
}

/** Collects what is placed, and draws the lines at the end. */
class Drawing {
  readonly services: PlacedService[] = [];
  readonly groups: PlacedGroup[] = [];
  readonly twins: PlacedTwins[] = [];

  place({ members, group }: Block, x: number, y: number, width: number): void {
    const inset = group === null ? 0 : GROUP_PADDING;
    const top = group === null ? y : y + GROUP_PADDING + GROUP_TITLE;
    const height = members.length * BOX_HEIGHT + (members.length - 1) * TWIN_GAP;
    if (group !== null)
      this.groups.push({ name: group, x, y, width, height: height + 2 * GROUP_PADDING + GROUP_TITLE });
    for (const [index, service] of members.entries()) {
      const boxY = top + index * (BOX_HEIGHT + TWIN_GAP);
      this.services.push({ service, x: x + inset, y: boxY, width: width - 2 * inset, height: BOX_HEIGHT });
      const before = members[index - 1];
      if (before !== undefined)
        this.twins.push({ one: before, other: service, x: x + width / 2, y1: boxY - TWIN_GAP, y2: boxY });
    }
  }

  flows(clients: Box | null, isWide: boolean): PlacedFlow[] {
    const boxes = new Map(this.services.map((box) => [box.service.name, box]));
    const line = isWide ? sidewards : downwards;
    const found: PlacedFlow[] = [];
    const inner = new Set(this.services.flatMap(({ service }) => service.sendsTo));
    for (const from of this.services) {
      const { name, role, sendsTo } = from.service;
      if (clients !== null && role === 'proxy' && !inner.has(name))
        found.push({ from: '', to: name, path: line(clients, from) });
      for (const target of sendsTo) {
        const to = boxes.get(target);
        if (to !== undefined) found.push({ from: name, to: target, path: line(from, to) });
      }
    }
    return found;
  }
}

function wideLayout(
  layers: readonly (readonly Block[])[],
  width: number,
  hasProxies: boolean,
): TopologyLayout {
  const drawing = new Drawing();
  const heights = layers.map((layer) => sum(layer.map(({ height }) => height)) + GAP * (layer.length - 1));
  const height = Math.max(CLIENTS_HEIGHT, ...heights) + 2;
  const left = hasProxies ? CLIENTS_WIDTH : 1;
  const right = width - 1;
  const gaps = layers.length - 1 + (hasProxies ? 1 : 0);
  const room = (right - left - gaps * COLUMN_GAP_MIN) / Math.max(1, layers.length);
  const boxWidth = Math.min(BOX_WIDTH_MAX + 2 * GROUP_PADDING, Math.max(BOX_WIDTH_MIN, room));
  const gap = gaps === 0 ? 0 : Math.max(COLUMN_GAP_MIN, (right - left - layers.length * boxWidth) / gaps);
  let x = left + (hasProxies ? gap : 0);
  for (const [index, layer] of layers.entries()) {
    let y = 1 + (height - 2 - (heights[index] ?? 0)) / 2;
    for (const block of layer) {
      const isFramed = block.group !== null;
      const inset = isFramed ? 0 : GROUP_PADDING;
      drawing.place(block, x + inset, y, boxWidth - 2 * inset);
      y += block.height + GAP;
    }
    x += boxWidth + gap;
  }
  const clients = hasProxies
    ? { x: 1, y: (height - CLIENTS_HEIGHT) / 2, width: CLIENTS_WIDTH - 2, height: CLIENTS_HEIGHT }
    : null;
  return finish(drawing, clients, true, Math.max(width, x - gap + 1), height);
}

function narrowLayout(
  layers: readonly (readonly Block[])[],
  width: number,
  hasProxies: boolean,
): TopologyLayout {
  const drawing = new Drawing();
  const least = BOX_WIDTH_MIN + 2 * GROUP_PADDING;
  const total = Math.max(width, least);
  // A layer that is too wide goes on below.
  const columnsMax = Math.max(1, Math.floor((total + GAP) / (least + GAP)));
  let y = 1;
  const clients = hasProxies
    ? { x: (total - CLIENTS_WIDTH) / 2, y, width: CLIENTS_WIDTH, height: CLIENTS_HEIGHT }
    : null;
  if (clients !== null) y += CLIENTS_HEIGHT + ROW_GAP;
  for (const layer of layers) {
    const columns = Math.min(columnsMax, layer.length);
    const slot = (total - (columns - 1) * GAP) / columns;
    const boxWidth = Math.min(BOX_WIDTH_MAX + 2 * GROUP_PADDING, slot);
    for (let first = 0; first < layer.length; first += columns) {
      const row = layer.slice(first, first + columns);
      for (const [index, block] of row.entries()) {
        const inset = block.group === null ? GROUP_PADDING : 0;
        const x = index * (slot + GAP) + (slot - boxWidth) / 2;
        drawing.place(block, x + inset, y, boxWidth - 2 * inset);
      }
      y += Math.max(...row.map(({ height }) => height)) + GAP;
    }
    y += ROW_GAP - GAP;
  }
  return finish(drawing, clients, false, total, y - ROW_GAP + 1);
}

function finish(
  drawing: Drawing,
  clients: Box | null,
  isWide: boolean,
  width: number,
  height: number,
): TopologyLayout {
  const { services, groups, twins } = drawing;
  return { isWide, width, height, clients, services, groups, twins, flows: drawing.flows(clients, isWide) };
}

/** A curve from the right side of one box to the left side of another. */
function sidewards(from: Box, to: Box): string {
  const [x1, y1, x2, y2] = [from.x + from.width, from.y + from.height / 2, to.x, to.y + to.height / 2];
  const bend = (x2 - x1) / 2;
  return `M${round(x1)} ${round(y1)}C${round(x1 + bend)} ${round(y1)} ${round(x2 - bend)} ${round(y2)} ${round(x2)} ${round(y2)}`;
}

/**
 * From the bottom of one box to the top of another. A box below another one in its frame is reached from the side, so that the line does not cross what
 * lies between.
 */
function downwards(from: Box, to: Box): string {
  const [x1, y1] = [from.x + from.width / 2, from.y + from.height];
  const gap = to.y - y1;
  if (gap <= ROW_GAP + GROUP_PADDING + GROUP_TITLE + 1) {
    const [x2, y2] = [to.x + to.width / 2, to.y];
    const bend = (y2 - y1) / 2;
    return `M${round(x1)} ${round(y1)}C${round(x1)} ${round(y1 + bend)} ${round(x2)} ${round(y2 - bend)} ${round(x2)} ${round(y2)}`;
  }
  const side = x1 > to.x + to.width / 2 ? to.x + to.width : to.x;
  const out = side === to.x ? -1 : 1;
  const y2 = to.y + to.height / 2;
  return `M${round(x1)} ${round(y1)}C${round(x1)} ${round(y1 + 30)} ${round(side + out * 22)} ${round(y1 + 30)} ${round(side + out * 7)} ${round(y1 + 60)}V${round(y2 - 10)}Q${round(side + out * 7)} ${round(y2)} ${round(side)} ${round(y2)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

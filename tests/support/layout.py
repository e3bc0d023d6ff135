"""JavaScript that lays out a graph on the editor's canvas, with links from left to right.

It runs in the editor, which knows the sizes of nodes. After Sugiyama: columns by the longest path
to a node, rows by the mean position of its neighbours. A link that passes a column has a lane of
its own in it, where it runs along two reroutes, so that it is never behind a node.
"""

TITLE = 30  # px above a node's position
TALLER = 70  # px that the Vue nodes ("Nodes 2.0") are taller at most, before a run
GAP = 50  # px between nodes of one column
LANE = 26  # px
COLUMN = 210  # px between columns

# Space below a node for the text and the pictures that it shows after a run, px.
ROOM = {
    **dict.fromkeys(("LoadVideo", "SaveVideo", "LoadImage"), 260),
    **dict.fromkeys(("KinographDrawSkeleton", "KinographDrawFlow", "KinographBuildEngine"), 340),
    **dict.fromkeys(("KinographDetectPoses", "KinographEstimateFlow"), 340),
    **dict.fromkeys(("KinographBenchmark", "KinographVaceNormalise", "KinographVacePreview"), 340),
    **dict.fromkeys(("KinographSaveVace", "KinographSavePoses", "KinographSaveKeypoints"), 90),
    **dict.fromkeys(("KinographVaceMask", "KinographTrackPoses", "KinographFilterPoses"), 340),
    **dict.fromkeys(
        ("KinographVaceCombine", "KinographRetargetPoses", "KinographUpscaleImages"), 340
    ),
    **dict.fromkeys(("KinographDetectHeads", "KinographDrawMeshOnHeads"), 340),
    **dict.fromkeys(("KinographTrackHeads", "KinographSmoothHeads", "KinographSaveHeads"), 90),
}

ARRANGE = """([titles, room, wide, stages, sizes]) => {
    const graph = app.rootGraph, nodes = graph._nodes, byId = new Map(nodes.map(n => [n.id, n]))
    const links = [...graph.links.values()].filter(Boolean)
    const inputs = id => links.filter(l => l.target_id === id).map(l => l.origin_id)
    const outputs = id => links.filter(l => l.origin_id === id).map(l => l.target_id)
    // Each stage has columns of its own.
    const depth = new Map()
    let first = 0
    for (const stage of [...new Set(Object.values(stages))].sort()) {
        const here = nodes.map(n => n.id).filter(id => stages[id] === stage)
        const deep = id => {
            if (!depth.has(id)) {
                const before = inputs(id).filter(other => here.includes(other)).map(deep)
                depth.set(id, Math.max(first, 1 + Math.max(first - 1, ...before)))
            }
            return depth.get(id)
        }
        here.forEach(deep)
        const last = Math.max(...here.map(id => depth.get(id)))
        // What has no inputs stands just before what uses it.
        for (const id of here) {
            const next = outputs(id).map(o => here.includes(o) ? depth.get(o) : last + 1)
            if (!inputs(id).length && next.length) depth.set(id, Math.min(...next) - 1)
        }
        first = last + 1
    }
    for (const n of nodes) n.setSize(wide[n.type] ? [...wide[n.type]] : n.computeSize())
    for (const n of nodes) n.size[0] = Math.max(n.size[0], sizes.least)
    const columns = Array.from({length: 1 + Math.max(...depth.values())}, () => [])
    for (const n of nodes) columns[depth.get(n.id)].push({
        node: n, id: n.id, before: inputs(n.id),
        height: sizes.title + n.size[1] + sizes.taller + (room[n.type] ?? 0) + sizes.gap,
    })
    // A lane in each column that a link passes; its name leads from column to column.
    const tops = new Map(), lanes = new Map()
    for (const link of links) {
        lanes.set(link.id, [])
        for (let c = depth.get(link.origin_id) + 1; c < depth.get(link.target_id); c++) {
            const before = lanes.get(link.id).at(-1)?.id ?? link.origin_id
            const lane = {id: `${link.id}/${c}`, before: [before], height: sizes.lane, column: c}
            lanes.get(link.id).push(lane)
            columns[c].push(lane)
        }
    }
    let x = 0
    const left = [], right = []
    columns.forEach((column, c) => {
        const wish = item => {
            const placed = item.before.filter(id => tops.has(id)).map(id => tops.get(id))
            return placed.length ? placed.reduce((s, y) => s + y, 0) / placed.length : 0
        }
        column.sort((a, b) => wish(a) - wish(b) || String(a.id).localeCompare(String(b.id)))
        let y = 0
        for (const item of column) {
            y = Math.max(y, Math.min(wish(item), y + 400))  // beside what it is linked to
            tops.set(item.id, y)
            if (item.node) item.node.pos = [x, y]
            else item.y = y - sizes.title / 2
            y += item.height
        }
        left[c] = x
        right[c] = x + Math.max(...column.map(item => item.node?.size[0] ?? 0))
        x = right[c] + sizes.column
    })
    for (const link of links) for (const lane of lanes.get(link.id)) {
        graph.createReroute([left[lane.column] - 25, lane.y], link)
        graph.createReroute([right[lane.column] + 25, lane.y], link)
    }
    for (const n of nodes) if (titles[n.id]) n.title = titles[n.id]
    graph.setDirtyCanvas(true, true)
}"""

# Titled groups around the nodes of each kind of work: `groups` is title -> ids of nodes.
GROUP = """([groups, room, sizes]) => {
    for (const [title, ids, colour] of groups) {
        const nodes = app.rootGraph._nodes.filter(n => ids.includes(String(n.id)))
        const edge = 18
        const x0 = Math.min(...nodes.map(n => n.pos[0])) - edge
        const y0 = Math.min(...nodes.map(n => n.pos[1])) - sizes.title - edge - 30
        const x1 = Math.max(...nodes.map(n => n.pos[0] + n.size[0])) + edge
        const y1 = Math.max(...nodes.map(
            n => n.pos[1] + n.size[1] + sizes.taller + (room[n.type] ?? 0))) + edge
        const group = new LiteGraph.LGraphGroup(title)
        group.pos = [x0, y0]
        group.size = [x1 - x0, y1 - y0]
        group.color = colour
        app.rootGraph.add(group)
    }
}"""

SIZES = {
    "title": TITLE,
    "taller": TALLER,
    "gap": GAP,
    "lane": LANE,
    "column": COLUMN,
    "least": 225,
}

NOTE = r"""([text, width]) => {
    const note = LiteGraph.createNode("MarkdownNote")
    app.rootGraph.add(note)
    const top = Math.min(...app.rootGraph._nodes.filter(n => n !== note).map(n => n.pos[1]))
    const lines = text.split("\n").reduce((sum, line) => sum + Math.ceil(line.length / 85) + 0.4, 0)
    note.size = [width, 50 + 16 * lines]
    note.pos = [0, top - note.size[1] - 150]
    note.title = "Read me"
    note.widgets[0].value = text
}"""

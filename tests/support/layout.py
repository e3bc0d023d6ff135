"""JavaScript that lays out a graph on the editor's canvas, with links from left to right.

It runs in the editor, which knows the sizes of nodes. After Sugiyama: columns by the longest path
to a node, rows by the mean position of its neighbours.
"""

ARRANGE = """([titles, room, wide]) => {
    const graph = app.rootGraph, nodes = graph._nodes, byId = new Map(nodes.map(n => [n.id, n]))
    const links = [...graph.links.values()].filter(Boolean)
    const inputs = id => links.filter(l => l.target_id === id).map(l => l.origin_id)
    const outputs = id => links.filter(l => l.origin_id === id).map(l => l.target_id)
    const depth = new Map()
    const deep = id => {
        if (!depth.has(id)) depth.set(id, 1 + Math.max(-1, ...inputs(id).map(deep)))
        return depth.get(id)
    }
    nodes.forEach(n => deep(n.id))
    // What has no inputs stands just before what uses it.
    for (const n of nodes) {
        const next = outputs(n.id).map(id => depth.get(id))
        if (!inputs(n.id).length && next.length) depth.set(n.id, Math.max(0, Math.min(...next) - 1))
    }
    const columns = []
    for (const n of nodes) (columns[depth.get(n.id)] ??= []).push(n)
    for (const n of nodes) if (wide[n.type]) n.size = [...wide[n.type]]
    const height = n => n.size[1] + 40 + (room[n.type] ?? 0)
    let x = 0
    const filled = columns.filter(Boolean)
    for (const column of filled) {
        const wish = n => {
            const before = inputs(n.id).map(id => byId.get(id)).filter(o => o._placed)
            return before.length ? before.reduce((s, o) => s + o.pos[1], 0) / before.length : 0
        }
        column.sort((a, b) => wish(a) - wish(b) || Number(a.id) - Number(b.id))
        let y = 0
        for (const n of column) {
            y = Math.max(y, Math.min(wish(n), y + 400))  // beside what it is linked to
            n.pos = [x, y]
            n._placed = true
            y += height(n) + 30
        }
        x += Math.max(...column.map(n => n.size[0])) + 80
    }
    for (const n of nodes) {
        delete n._placed
        if (titles[n.id]) n.title = titles[n.id]
    }
    graph.setDirtyCanvas(true, true)
}"""

NOTE = r"""([text, width]) => {
    const note = LiteGraph.createNode("MarkdownNote")
    app.rootGraph.add(note)
    const top = Math.min(...app.rootGraph._nodes.filter(n => n !== note).map(n => n.pos[1]))
    const lines = text.split("\n").reduce((sum, line) => sum + Math.ceil(line.length / 85) + 0.4, 0)
    note.size = [width, 50 + 16 * lines]
    note.pos = [0, top - note.size[1] - 70]
    note.title = "Read me"
    note.widgets[0].value = text
}"""

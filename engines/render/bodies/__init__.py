"""Bodies drawn as meshes: over footage, and as depth, normals and silhouettes."""

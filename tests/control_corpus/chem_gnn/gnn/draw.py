import matplotlib.pyplot as plt
import networkx as nx


def draw(edges, labels, path):
    graph = nx.Graph(edges)
    nx.draw(graph, labels=labels, node_size=300, with_labels=True)
    plt.savefig(path, dpi=150)
    plt.close()

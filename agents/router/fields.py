"""Fields of work and the words that belong to them: what a question says of itself, whatever agents there are.

A weight of 1 means that the word alone decides; what is said in several fields weighs less in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.router.words import stem


@dataclass(frozen=True, slots=True)
class Field:
    """One field of work."""

    name: str
    anchors: frozenset[str]
    """Words that mark an agent, by its name or tags, as one of this field; each is an alias after `@`."""
    weights: Mapping[str, float] = field(repr=False)
    """Stem, or stems of a phrase joined by a space → weight."""


def _field(name: str, anchors: str, **lists: str) -> Field:
    levels = {"sure": 1.0, "likely": 0.6, "weak": 0.3}
    weights: dict[str, float] = {}
    for level, text in lists.items():
        for entry in text.split(","):
            key = " ".join(stem(word) for word in entry.split())
            if key:
                weights.setdefault(key, levels[level])
    return Field(name, frozenset(anchors.split()), weights)


FIELDS = (
    _field(
        "database",
        "database databases postgres postgresql pg db sql dba",
        sure="""postgres, postgresql, psql, sql, database, databases, db, datenbank, datenbanken, vacuum, autovacuum, bloat,
            deadlock, transaction, transaktion, wraparound, xid, wal, pgbouncer, pgbackrest, pg_hba, pg hba, hba, walsender,
            replication slot, replication lag, replikation, standby, hot standby, primary, subscription, publication,
            logical replication, checkpoint, checkpointer, idle in transaction, idle transaction, dead tuple, tuple, seqscan,
            sequential scan, query plan, slow query, query, queries, abfrage, abfragen, index, indexes, indices,
            indexe, tablespace, table, tables, tabelle, tabellen, matview, materialized view, foreign key, ddl,
            alter table, create index, explain, pitr, point in time recovery, too many connection, max connection,
            connection pool, connection limit, shared buffer, work mem, statement timeout, lock timeout, lock queue, row lock,
            sperre, sperren, verklemmt, toast, multixact, patroni, pg_dump, pg dump, pg stat, cache hit ratio,
            scram, prepared transaction, temp file, analyze, hypertable""",
        likely="""lock, locks, locked, blocked, blocking, blocker, blockiert, replica, replication, failover, schema, column,
            spalte, zeilen, row, rows, select, insert, constraint, sequence, session, sessions, sitzung, connection,
            connections, verbindung, verbindungen, pool, extension, migration, statistics, plan, planner, partition,
            timeline, slot, password authentication, statement, cursor, trigger, commit, rollback, isolation, lsn,
            backend, orm, tps, dump""",
        weak="role, grant, backup, restore, sicherung, recovery, slow, langsam, timeout, latency, data, daten, hang, haengt",
    ),
    _field(
        "kubernetes",
        "kubernetes k8s kube cluster containers",
        sure="""kubernetes, k8s, kubectl, pod, pods, crashloopbackoff, crashloop, crash loop, imagepullbackoff, errimagepull,
            oomkilled, evicted, eviction, pvc, persistent volume, persistentvolume, statefulset, daemonset, replicaset,
            deployment, kubelet, namespace, ingress, helm, configmap, hpa, rollout, liveness, readiness, readiness probe,
            liveness probe, taint, toleration, cordon, coredns, cni, istio, service mesh, etcd, apiserver, api server, kustomize,
            argocd, init container, sidecar, horizontal autoscaler, resource quota, node pool, cronjob, kube""",
        likely="container, containers, node, nodes, knoten, image, drain, autoscaler, autoscaling, cluster, chart, manifest, scheduler, scheduling, unschedulable",
        weak="registry, secret, replicas, probe, restart, restarts, service, volume, quota, job",
    ),
    _field(
        "host",
        "host hosts linux sysadmin os server servers unix",
        sure="""linux, kernel, systemd, systemctl, journalctl, syslog, dmesg, load average, iowait, io wait, swap, inode, inodes,
            filesystem, file system, no space left, disk space, disk full, disk usage, disk growth, nfs, raid, ssh, sshd,
            oom killer, zombie process, ntp, chrony, clock drift, clock skew, crontab, iptables, firewall, packet loss, nic,
            file descriptor, ulimit, sudo, reboot, uptime, hugepage, transparent huge page, cpu usage, cpu load, cpu steal,
            memory pressure, festplatte, festplatten, dateisystem, rechner, arbeitsspeicher, mount point, smart error,
            kernel panic, etc, logrotate, apt, yum, selinux, lvm""",
        likely="host, hosts, cpu, disk, disks, platte, platten, memory, ram, speicher, load, auslastung, mount, unmount, dns, cron, process, processes, prozess, dienst, daemon, interface, clock, uhrzeit, machine, maschine, docker, device, partition full",
        weak="server, port, network, netzwerk, io, tcp, certificate, restart, neustart, service, user, log, logs, full, voll, last",
    ),
    _field(
        "incident",
        "incident incidents bundle bundles vendor support",
        sure="""support bundle, diagnostic bundle, bundle, postmortem, post mortem, incident, incidents, incident report, vorfall,
            vorfaelle, vendor, hersteller, support case, support ticket, hand over, handover, uebergabe, escalate, escalation,
            eskalation, eskalieren, redact, redacted, root cause report, on call report, receipt""",
        likely="evidence, ticket, collect, archive, archiv, seal, sealed, sammle, sammeln, beweise, sev1, sev2, timeline of",
        weak="support, attach, export, summary, zusammenfassung, report, bericht",
    ),
)  # fmt: skip

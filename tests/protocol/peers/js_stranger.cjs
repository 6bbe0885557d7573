// An agent on the JavaScript SDK, of protocol 0.3 or 1.0, over one binding: node js_stranger.cjs PACKAGES 0|1 BINDING.
// It prints its port. `ask` waits for an answer, `wait` for a cancel, `boom` breaks; anything else is said back.
const { createRequire } = require("node:module");
const { randomUUID } = require("node:crypto");

const [packages, version, binding] = process.argv.slice(2);
const load = createRequire(`${packages}/here.js`);
const { DefaultRequestHandler, InMemoryTaskStore, AgentEvent } = load(`a2a-js-${version}/server`);
const { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } = load(`a2a-js-${version}/server/express`);
const express = load("express");

const NUMBERS = { working: 2, completed: 3, canceled: 5, "input-required": 6 };
const old = version === "0";

const words = old
  ? {
      text: (message) => message.parts.map((part) => part.text ?? "").join(""),
      part: (text) => ({ kind: "text", text }),
      message: (context, text) => ({
        kind: "message", messageId: randomUUID(), role: "agent", parts: [words.part(text)],
        taskId: context.taskId, contextId: context.contextId,
      }),
      task: (context) => ({
        kind: "task", id: context.taskId, contextId: context.contextId, status: { state: "submitted" },
        history: [context.userMessage],
      }),
      stored: (task) => task,
      status: (context, state, text) => ({
        kind: "status-update", taskId: context.taskId, contextId: context.contextId, final: state !== "working",
        status: { state, message: text ? words.message(context, text) : undefined },
      }),
      artifact: (context, text, append) => ({
        kind: "artifact-update", taskId: context.taskId, contextId: context.contextId, append,
        artifact: { artifactId: "answer", parts: [words.part(text)] },
      }),
    }
  : {
      text: (message) => message.parts.map((part) => (part.content?.$case === "text" ? part.content.value : "")).join(""),
      part: (text) => ({ content: { $case: "text", value: text }, filename: "", mediaType: "text/plain" }),
      message: (context, text) => ({
        messageId: randomUUID(), role: 2, parts: [words.part(text)], taskId: context.taskId,
        contextId: context.contextId, extensions: [], referenceTaskIds: [],
      }),
      task: (context) =>
        AgentEvent.task({
          id: context.taskId, contextId: context.contextId, status: { state: 1 }, artifacts: [],
          history: [context.userMessage],
        }),
      stored: (task) => AgentEvent.task(task),
      status: (context, state, text) =>
        AgentEvent.statusUpdate({
          taskId: context.taskId, contextId: context.contextId,
          status: { state: NUMBERS[state], message: text ? words.message(context, text) : undefined },
        }),
      artifact: (context, text, append) =>
        AgentEvent.artifactUpdate({
          taskId: context.taskId, contextId: context.contextId, append, lastChunk: append,
          artifact: { artifactId: "answer", name: "answer", description: "", parts: [words.part(text)], extensions: [] },
        }),
    };

class Stranger {
  waiting = new Map();

  async execute(context, bus) {
    const said = words.text(context.userMessage);
    if (said === "boom") throw new Error("it broke");
    // The SDK wants every stream to begin with the task, so a follow-up begins with the one that is stored.
    bus.publish(context.task ? words.stored(context.task) : words.task(context));
    bus.publish(words.status(context, "working", "on it"));
    if (said === "ask") {
      bus.publish(words.status(context, "input-required", "Which one?"));
      return bus.finished();
    }
    if (said === "wait") {
      await new Promise((resolve) => this.waiting.set(context.taskId, resolve));
      bus.publish(words.status(context, "canceled", "stopped"));
      return bus.finished();
    }
    bus.publish(words.artifact(context, "you said ", false));
    bus.publish(words.artifact(context, said, true));
    bus.publish(words.status(context, "completed"));
    bus.finished();
  }

  cancelTask = async (taskId) => this.waiting.get(taskId)?.();
}

const app = express();
const listener = app.listen(0, "127.0.0.1", () => {
  const { port } = listener.address();
  const url = `http://127.0.0.1:${port}/agent`;
  const common = {
    name: "js", description: "An agent on the JavaScript SDK", version: "1", skills: [], defaultInputModes: ["text"],
    defaultOutputModes: ["text"], capabilities: { streaming: true, extensions: [] },
  };
  const card = old
    ? { ...common, protocolVersion: "0.3.0", url, preferredTransport: binding }
    : {
        ...common, securitySchemes: {}, securityRequirements: [], signatures: [],
        supportedInterfaces: [{ url, protocolBinding: binding, protocolVersion: "1.0", tenant: "" }],
      };
  const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), new Stranger());
  const options = { requestHandler, userBuilder: UserBuilder.noAuthentication };
  app.use("/.well-known/agent-card.json", agentCardHandler({ agentCardProvider: requestHandler }));
  app.use("/agent", binding === "JSONRPC" ? jsonRpcHandler(options) : restHandler(options));
  console.log(port);
});

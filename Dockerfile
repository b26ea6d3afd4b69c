# The image of mcp-once. By default it serves MCP over HTTP on port 3000. With the argument "serve" it serves over stdio:
#   docker run -i --rm --volume mcp-once:/data ghcr.io/mcp-once/mcp-once serve
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --ignore-scripts
COPY src ./src
COPY sandbox ./sandbox
COPY tools ./tools
RUN npm run build
# Leaves what the product needs.
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
LABEL org.opencontainers.image.source="https://github.com/mcp-once/mcp-once"
LABEL org.opencontainers.image.licenses="MIT"
LABEL io.modelcontextprotocol.server.name="io.github.mcp-once/mcp-once"
ENV NODE_ENV=production XDG_DATA_HOME=/data
WORKDIR /app
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY LICENSE ./LICENSE
COPY deploy/health.mjs ./health.mjs
RUN mkdir -p /data
RUN chown 1000:1000 /data
# The user "node" of the base image.
USER 1000:1000
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["node", "/app/health.mjs"]
# Node is process 1, so that SIGTERM reaches it.
ENTRYPOINT ["node", "/app/dist/src/cli/main.js"]
CMD ["serve", "--http", "0.0.0.0:3000"]

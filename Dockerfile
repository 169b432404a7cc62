# Build: everything with the compiler; run: only what production needs.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-save --no-fund --no-audit
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/cli/hanfeng.cjs /app/cli/hanfeng.mjs /app/cli/bootstrap.mjs cli/
COPY --from=build /app/edge/devices edge/devices
COPY --from=build /app/gateway/classes gateway/classes
COPY --from=build /app/simulators/plants simulators/plants
COPY --from=build /app/simulators/scenarios simulators/scenarios
COPY --from=build /app/examples examples
RUN mkdir /data && chown node:node /data && ln -s /app/cli/hanfeng.cjs /usr/local/bin/hanfeng
USER node
VOLUME /data
ENV HANFENG_DATA_DIR=/data
ENTRYPOINT ["hanfeng"]
CMD ["--help"]

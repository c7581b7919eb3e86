import { defineConfig } from "vitest/config";

export default defineConfig({
  define: { GRAPHNB_CSS: JSON.stringify(".gnb-live { color: black }") },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
  },
});

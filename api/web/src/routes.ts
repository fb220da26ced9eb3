// Every address of the app; `api/src/web.rs` answers the same first segments with the app's document.
import type { Component } from "svelte";

type Page = Component<{ params: Record<string, string> }>;

export interface Route {
  path: string;
  page: () => Promise<{ default: Page }>;
  /** Whether one must be logged in. */
  own?: boolean;
  /** Without the app around it. */
  bare?: boolean;
}

const route = (given: Omit<Route, "page"> & { page: () => Promise<{ default: unknown }> }) => given as Route;

export const routes: Route[] = [
  route({ path: "/", page: () => import("./pages/Home.svelte") }),
  route({ path: "/watch/:id", page: () => import("./pages/Watch.svelte") }),
  route({ path: "/embed/:id", page: () => import("./pages/Embed.svelte"), bare: true }),
  route({ path: "/upload", page: () => import("./pages/Upload.svelte"), own: true }),
  route({ path: "/search", page: () => import("./pages/Search.svelte") }),
  route({ path: "/categories/:slug", page: () => import("./pages/Shelf.svelte") }),
  route({ path: "/tags/:tag", page: () => import("./pages/Shelf.svelte") }),
  route({ path: "/creators", page: () => import("./pages/Creators.svelte") }),
  route({ path: "/creators/:id", page: () => import("./pages/Creator.svelte") }),
  route({ path: "/subscriptions", page: () => import("./pages/Subscriptions.svelte"), own: true }),
  route({ path: "/history", page: () => import("./pages/History.svelte"), own: true }),
  route({ path: "/playlists", page: () => import("./pages/Playlists.svelte"), own: true }),
  route({ path: "/playlists/:id", page: () => import("./pages/Playlist.svelte") }),
  route({ path: "/posts", page: () => import("./pages/Posts.svelte") }),
  route({ path: "/posts/:id", page: () => import("./pages/Post.svelte") }),
  route({ path: "/projects", page: () => import("./pages/Projects.svelte"), own: true }),
  route({ path: "/projects/:id", page: () => import("./pages/Project.svelte"), own: true }),
  route({ path: "/studio", page: () => import("./pages/Studio.svelte"), own: true }),
  route({ path: "/studio/:id", page: () => import("./pages/StudioMedia.svelte"), own: true }),
  route({ path: "/settings", page: () => import("./pages/Settings.svelte"), own: true }),
  route({ path: "/settings/:tab", page: () => import("./pages/Settings.svelte"), own: true }),
  route({ path: "/admin", page: () => import("./pages/Admin.svelte"), own: true }),
  route({ path: "/admin/:tab", page: () => import("./pages/Admin.svelte"), own: true }),
  route({ path: "/login", page: () => import("./pages/Login.svelte") }),
  route({ path: "/register", page: () => import("./pages/Register.svelte") }),
  route({ path: "/forgot-password", page: () => import("./pages/ForgotPassword.svelte") }),
  route({ path: "/reset-password", page: () => import("./pages/ResetPassword.svelte") }),
  route({ path: "/verify-email", page: () => import("./pages/VerifyEmail.svelte") }),
  route({ path: "/api/docs", page: () => import("./pages/Docs.svelte") }),
];

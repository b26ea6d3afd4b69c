/**
 * Names of tools, with the class that a person gave them. A name that may mean both reading and writing counts as
 * `state`. The half `before` was judged before the rules were written, the half `after` afterwards.
 */
export type JudgedClass = 'read' | 'create' | 'state' | 'repeatable' | 'delete';

type Half = Readonly<Record<JudgedClass, string>>;

export const namedTools: Readonly<Record<'before' | 'after', Half>> = {
  before: {
    // GitHub, Slack, filesystem, git, memory, fetch and time; then made-up names.
    read: `
      actions_get actions_list get_commit get_file_contents get_job_logs get_latest_release get_me get_release_by_tag
      get_repository_tree github_support_docs_search issue_read list_branches list_commits list_discussions list_issue_types
      list_issues list_label list_pull_requests list_releases list_starred_repositories projects_get projects_list
      pull_request_read search_code search_issues search_orgs search_pull_requests search_repositories
      conversations_history conversations_search_messages channels_list users_search usergroups_list usergroups_me
      slack_list_channels slack_get_channel_history slack_get_thread_replies slack_get_users slack_get_user_profile
      read_text_file read_media_file read_multiple_files list_directory list_directory_with_sizes search_files
      directory_tree get_file_info list_allowed_directories git_status git_diff_unstaged git_diff_staged git_diff git_log
      git_show read_graph search_nodes fetch get_current_time
      order_status build_status transfer_status message_count query_order_status count_messages show_order describe_order
      get_order getOrder get-order orders.list preview_invoice compare_invoice calculate_bill estimate_order
      invoice_list payment_status await_order weather get_forecast`,
    create: `
      add_comment_to_pending_review add_issue_comment add_reply_to_pull_request_comment create_branch create_gist
      create_pull_request create_pull_request_with_copilot create_repository fork_repository request_copilot_review
      conversations_add_message reactions_add usergroups_create slack_post_message slack_reply_to_thread
      slack_add_reaction create_directory git_create_branch create_entities create_relations add_observations
      create_issue createIssue issue_create jira_create_issue send_message message_send sendEmail email_send order_pizza
      book_flight booking_create schedule_meeting transfer_funds issue_refund issue_invoice pay pay_invoice invoice_pay
      refund stripe_refund charge_card email_report message_user build_image report_bug open_issue open_ticket
      request_review`,
    state: `
      assign_copilot_to_issue create_or_update_file discussion_comment_write dismiss_notification issue_write label_write
      manage_notification_subscription mark_all_notifications_read merge_pull_request projects_write
      pull_request_review_write star_repository sub_issue_write update_gist update_pull_request
      update_pull_request_branch usergroups_update usergroups_users_update conversations_mark write_file edit_file
      move_file git_add git_reset git_checkout git_branch
      update_issue jira_transition_issue edit_message close_order pause_order resume_order assign_issue lock_issue
      reopen_issue issue_update set_schedule approve_request mark_message_read restart_build hold_order report_status
      verify_email toggle_message set_issue_state change_booking refresh_report sync_mail turn_on turn_off set_volume
      open_door close_door lock_door open_app open_url start_timer stop_timer save_draft login connect rename_copy
      download_report finalize_invoice status_update list_update check_item show_message raw_query http_request
      manage_issue frobnicate`,
    repeatable: `
      push_files actions_run_trigger git_commit append_row log_event increment_counter browser_click press_key scroll_down
      run_command execute_sql`,
    delete: `
      delete_file delete_repository conversations_delete reactions_remove delete_entities delete_observations
      delete_relations unstar_repository order_cancel cancel_order order_list_cancel void_invoice removeLabel
      uninstall_package revoke_token`,
  },
  after: {
    // Atlassian, Playwright, Supabase, Stripe, Notion, Linear, databases and the reference servers; then made-up names.
    read: `
      can_cancel is_locked recall_memory ping_server
      jira_search jira_get_issue jira_get_transitions jira_search_fields jira_get_worklog jira_get_create_fields
      jira_batch_get_changelogs jira_get_sprint_issues confluence_get_page_children confluence_search_user
      confluence_get_page_history confluence_list_page_templates confluence_check_content_permissions
      browser_console_messages browser_cookie_get browser_cookie_list browser_localstorage_get browser_network_requests
      browser_snapshot browser_take_screenshot browser_route_list browser_get_config browser_wait_for browser_find
      get_advisors get_cost get_edge_function get_logs get_project_url list_edge_functions list_extensions list_migrations
      list_storage_buckets list_tables search_docs list_customers list_invoices list_payment_intents retrieve_balance
      search_stripe_documentation list_disputes list_subscriptions API-get-user API-get-users API-get-self
      API-get-block-children API-retrieve-a-page API-retrieve-a-block API-retrieve-a-comment API-retrieve-page-markdown
      API-query-data-source API-list-data-source-templates notion-search notion-fetch notion-get-comments notion-get-users
      linear_search_issues linear_get_user_issues list_comments list_cycles get_issue_status list_issue_statuses
      list_my_issues read_query describe_table list_resources brave_web_search brave_local_search
      maps_geocode maps_search_places maps_distance_matrix read-documentation convert_time hget hgetall smembers
      zrange pg_list_schemas explain_query get_slow_queries analyze_db_health
      tracking_info users.conversations.history listPullRequestFiles getWorkflowRun GetDeploymentStatus booking_details
      refund_status charge_history job_progress customers-search product.get read_inbox find_free_slots lookup_contact
      view_cart has_permission list_open_issues find_duplicate_files list_merge_requests get_open_orders is_online exists count_open_orders compare_plans wait_for_payment summarize_thread diff_versions
      list_releases_by_author retrieve_invoice preview_report search_and_list_flights sales_summary cpu_metrics`,
    create: `
      resend_message list_payments_and_refund status_post repay_loan
      list_product_for_sale check_out_book confluence_create_page confluence_add_comment confluence_reply_to_comment confluence_upload_attachment
      confluence_copy_page jira_batch_create_issues jira_add_comment jira_add_worklog
      jira_create_issue_link jira_create_sprint create_customer_request create_project create_customer create_invoice
      create_invoice_item create_payment_link create_refund create_coupon send_invoice API-create-a-comment
      API-create-a-data-source API-post-page notion-create-pages notion-duplicate-page notion-create-comment
      linear_create_issue linear_add_comment create_issue_label create_attachment
      insertRow orders.create placeOrder_submit sendSms clone_repo gmail_send_email calendar-create-event
      stripe_create_payout buy_ticket purchase_item make_reservation reserve_table donate withdraw_money deposit
      invite_user get_or_create_contact create_if_missing issue_credit charge schedule_call forward_email
      open_pull_request launch_instance generate_invoice register_webhook checkout submit_order subscribe_plan
      import_contacts uploadFile`,
    state: `
      list_clean search_index_rebuild search_reindex stat_bump inspect_repair ping_user describe_and_file
      summarize_thread_to_slack pay_status find_and_unassign redeploy_service block_user
      jira_update_issue jira_assign_issue jira_move_issue jira_edit_comment jira_link_to_epic jira_update_sprint
      jira_move_issues_to_backlog update_proforma_form_answers confluence_update_page confluence_move_page
      confluence_set_page_restrictions browser_close browser_resize browser_cookie_set browser_select_option
      browser_fill_form browser_handle_dialog browser_tabs browser_storage_state browser_set_storage_state
      browser_start_tracing browser_start_video browser_stop_tracing browser_verify_text_visible browser_network_state_set
      browser_route browser_unroute browser_resume
      apply_migration confirm_cost deploy_edge_function merge_branch pause_project rebase_branch reset_branch
      restore_project update_storage_config update_subscription update_dispute
      API-patch-page API-update-a-block API-move-page API-patch-block-children notion-update-page notion-move-pages
      linear_update_issue save_issue write_query set hset mset
      transfer_ownership transfer_issue setTimezone update-order order.update invoice.finalize toggle_light lightSwitch
      rename_branch mark_invoice_paid close_pull_request approve_payment merge_contacts archive_thread unarchive_thread
      enable_feature lock_account publish_post create_or_update_record upsert_contact store_memory pin_message
      mute_channel verify_payment resolve_comment graphql_query manage_orders process_data api_request
      post_status log_in sort_tasks track_event count_reset view_update search_replace_text read_and_archive
      list_and_tag show_notification fetch_and_store describe_and_fix get_set 
      message_me email_list share_list request_info change_status charge_total patch_status order_items`,
    repeatable: `
      count_up count_down rerun_job peek_and_pop
      db_execute_or_query browser_drag browser_evaluate browser_navigate browser_navigate_back browser_type browser_hover browser_run_code_unsafe
      browser_mouse_wheel browser_mouse_click_xy puppeteer_click puppeteer_evaluate puppeteer_navigate appendText
      redis_push run_workflow execute_command terminal_run queue_pop sequentialthinking lpush incr roll_dice press_button
      trigger_build generate_image speak`,
    delete: `
      truncate_table find_and_kill order_history_clear
      confluence_delete_page confluence_delete_attachment jira_remove_watcher jira_remove_issue_link browser_cookie_delete
      browser_localstorage_clear cancel_subscription API-delete-a-block deleteUser user.delete unsubscribe_thread
      remove_label retrieve_and_delete kill_process wipe_disk drop_table trash_message`,
  },
};
